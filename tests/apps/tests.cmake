# The tests of this room run the apps that were built with them.
target_compile_definitions(test_apps PRIVATE FFTCONV_APPS="${PROJECT_BINARY_DIR}/apps"
  FFTCONV_SOURCE_DIR="${PROJECT_SOURCE_DIR}" FFTCONV_TEST_PYTHON="${FFTCONV_TEST_PYTHON}")
file(GLOB app_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/apps/*/main.cpp)
foreach(source IN LISTS app_sources)
  get_filename_component(name ${source} DIRECTORY)
  get_filename_component(name ${name} NAME)
  add_dependencies(test_apps fftconv-${name})
endforeach()
# It compares times.
set_tests_properties(apps_timing PROPERTIES RUN_SERIAL TRUE)
