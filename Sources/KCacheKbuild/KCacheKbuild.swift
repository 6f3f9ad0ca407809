// Kbuild
