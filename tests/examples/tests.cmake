# Every example runs and succeeds.
add_test(NAME example_convolve COMMAND example_convolve)
add_test(NAME example_prune_layer COMMAND example_prune_layer)
add_test(NAME example_train_and_prune COMMAND example_train_and_prune ${CMAKE_CURRENT_BINARY_DIR}/example-thin.h5)
file(GLOB_RECURSE example_result ${PROJECT_SOURCE_DIR}/results/ecp-mnist.h5)
add_test(NAME example_read_results COMMAND example_read_results ${example_result})
set_tests_properties(example_read_results PROPERTIES PASS_REGULAR_EXPRESSION "Table 3: .* rows")
set(python_examples ${PROJECT_SOURCE_DIR}/apps/examples)
add_test(NAME example_results_in_python COMMAND ${FFTCONV_TEST_PYTHON} -B ${python_examples}/results_in_python.py ${example_result})
add_test(NAME example_from_pytorch COMMAND ${FFTCONV_TEST_PYTHON} -B ${python_examples}/from_pytorch.py
  ${CMAKE_CURRENT_BINARY_DIR}/example-from-pytorch.h5)
set_tests_properties(example_results_in_python example_from_pytorch PROPERTIES
  ENVIRONMENT PYTHONPATH=${PROJECT_SOURCE_DIR}/lib/python SKIP_RETURN_CODE 77)
