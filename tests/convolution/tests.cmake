# views.cpp: Eigen's matrices as maps.
find_package(Eigen3 REQUIRED NO_MODULE)
target_link_libraries(test_convolution PRIVATE Eigen3::Eigen)
