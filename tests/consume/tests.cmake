# A user's view of the library: installed, found, linked, run; and the README shows what runs.
set(sanitizer_flags $<IF:$<BOOL:${FFTCONV_SANITIZE}>,-fsanitize=address$<COMMA>undefined,>)
add_test(NAME consume COMMAND ${CMAKE_COMMAND} -DBUILD=${PROJECT_BINARY_DIR} -DSOURCE=${CMAKE_CURRENT_SOURCE_DIR}/consume
  -DPREFIX=${CMAKE_CURRENT_BINARY_DIR}/consume-prefix -DCOMPILER=${CMAKE_CXX_COMPILER} -DFLAGS=${sanitizer_flags}
  -P ${CMAKE_CURRENT_SOURCE_DIR}/consume/install.cmake)
if(EXISTS ${PROJECT_SOURCE_DIR}/README.md)
  add_test(NAME readme_example COMMAND ${CMAKE_COMMAND} -DREADME=${PROJECT_SOURCE_DIR}/README.md
    -DSOURCE=${CMAKE_CURRENT_SOURCE_DIR}/consume/main.cpp -P ${CMAKE_CURRENT_SOURCE_DIR}/consume/readme.cmake)
endif()
