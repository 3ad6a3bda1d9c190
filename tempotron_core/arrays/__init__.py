"""How the core speaks to array libraries: namespaces, registered kernels, sums, numbers."""
