int trace_deep(int value) { return value * 3; }
