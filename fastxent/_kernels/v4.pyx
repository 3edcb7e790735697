include "build.pxi"
