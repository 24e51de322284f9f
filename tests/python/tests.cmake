# The Python package, with Debian's packages: python3-h5py, python3-numpy, python3-pandas, python3-xarray,
# python3-onnx. What needs PyTorch or ONNX Runtime runs where those are installed.
if(FFTCONV_SANITIZE)
  return()  # Python is not instrumented, and the apps whose files it reads have tests of their own
endif()
file(GLOB python_tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/python/test_*.py)
foreach(file IN LISTS python_tests)
  get_filename_component(name ${file} NAME_WE)
  string(REPLACE "test_" "" name ${name})
  add_test(NAME python_${name} COMMAND ${FFTCONV_TEST_PYTHON} -B ${file})
  set_tests_properties(python_${name} PROPERTIES ENVIRONMENT
    "FFTCONV_APPS=${PROJECT_BINARY_DIR}/apps;FFTCONV_ENGINE_FOLDER=$<$<TARGET_EXISTS:fftconv_python>:${PROJECT_BINARY_DIR}/python>"
    SKIP_RETURN_CODE 77)
endforeach()
