"""What is to be sized: definitions, units, figure of merit, the library of circuits."""
