pack() { tr a-z b-za; }
