"""What benchmarks, the rush and soak runs share: members in great number, a sink for mail, unlimited carriers, waits."""
