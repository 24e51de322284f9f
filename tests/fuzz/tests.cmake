# A program that reads damaged files: short here, long by hand (tests/README.md).
add_executable(fftconv-fuzz fuzz/main.cpp fuzz/mutator.cpp fuzz/readers.cpp)
find_package(ZLIB REQUIRED)
target_include_directories(fftconv-fuzz PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(fftconv-fuzz PRIVATE fftconv_app_train ZLIB::ZLIB fftconv_options fftconv_unoptimised)
set(old_result ${PROJECT_SOURCE_DIR}/results/pruning-cnn-large/pruning-cnn-large.h5)
add_test(NAME fuzz COMMAND fftconv-fuzz --runs 150 --seed-file collection=${old_result})
add_test(NAME fuzz_flipped_bits COMMAND fftconv-fuzz --mode flip --runs 300)
