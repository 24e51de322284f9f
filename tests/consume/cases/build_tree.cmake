# fftconv as it was built, not installed.
build_project(${here}/convolution -Dfftconv_DIR=${BUILD})
run_there(./program)
