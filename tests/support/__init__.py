"""What tests and the demo share: simulated carriers, parents with phones, a mail client, real servers."""
