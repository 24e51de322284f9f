# A program for mpirun, started by the tests of this room.
add_executable(distributed_worker ${CMAKE_CURRENT_SOURCE_DIR}/distributed/worker/main.cpp)
target_include_directories(distributed_worker PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(distributed_worker PRIVATE fftconv_inside fftconv_options fftconv_unoptimised)
add_dependencies(test_distributed distributed_worker)
target_compile_definitions(test_distributed PRIVATE FFTCONV_WORKER="$<TARGET_FILE:distributed_worker>")
