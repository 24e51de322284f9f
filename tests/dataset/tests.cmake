# The tests make their own .gz, .png and .mat files.
find_package(ZLIB REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(MATIO REQUIRED IMPORTED_TARGET matio)
find_package(PNG REQUIRED)
target_link_libraries(test_dataset PRIVATE ZLIB::ZLIB PNG::PNG PkgConfig::MATIO)
target_compile_definitions(test_dataset PRIVATE FFTCONV_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
