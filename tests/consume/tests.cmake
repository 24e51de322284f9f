# A user's view of the library, each case a small project of its own, or a command, on an installed fftconv:
#   cmake -DCASE=… -P consume/run.cmake
# The README shows what runs.
set(consume ${CMAKE_COMMAND} -DBUILD=${PROJECT_BINARY_DIR} -DROOT=${PROJECT_SOURCE_DIR}
  -DFOLDER=${CMAKE_CURRENT_BINARY_DIR}/consume -DCOMPILER=${CMAKE_CXX_COMPILER} -DGENERATOR=${CMAKE_GENERATOR}
  -DVERSION=${PROJECT_VERSION})
function(fftconv_consume_test case)
  add_test(NAME consume_${case} COMMAND ${consume} -DCASE=${case} ${ARGN}
    -P ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/run.cmake)
  if(NOT case STREQUAL "install")
    set_tests_properties(consume_${case} PROPERTIES FIXTURES_REQUIRED fftconv_installed)
  endif()
endfunction()

fftconv_consume_test(install)
set_tests_properties(consume_install PROPERTIES FIXTURES_SETUP fftconv_installed)
fftconv_consume_test(project -DFLAGS=${fftconv_sanitizers})
add_test(NAME readme_example COMMAND ${CMAKE_COMMAND} -DREADME=${PROJECT_SOURCE_DIR}/README.md
  -DSOURCE=${CMAKE_CURRENT_SOURCE_DIR}/consume/project/main.cpp -P ${CMAKE_CURRENT_SOURCE_DIR}/consume/readme.cmake)
if(NOT FFTCONV_SANITIZE)  # the other build looks at the rest
  foreach(case headers convolution alone components build_tree pkg_config subproject)
    fftconv_consume_test(${case})
  endforeach()
endif()
# Every public name is documented.
if(TARGET docs AND NOT FFTCONV_SANITIZE)
  add_test(NAME api_reference COMMAND ${DOXYGEN_EXECUTABLE} ${PROJECT_BINARY_DIR}/lib/Doxyfile)
endif()
