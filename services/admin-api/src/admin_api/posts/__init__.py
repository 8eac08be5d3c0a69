"""Messages written by mail from a phone: held until their sender confirms; attempts that were refused."""
