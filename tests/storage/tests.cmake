target_compile_definitions(test_storage PRIVATE FFTCONV_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
