# The tests make their own .gz and .mat files.
find_package(ZLIB REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(MATIO REQUIRED IMPORTED_TARGET matio)
target_link_libraries(test_dataset PRIVATE ZLIB::ZLIB PkgConfig::MATIO)
target_compile_definitions(test_dataset PRIVATE FFTCONV_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
