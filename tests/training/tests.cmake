# The golden numbers lie next to their test, wherever that is built.
target_compile_definitions(test_training PRIVATE FFTCONV_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
