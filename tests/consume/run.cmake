# cmake -DCASE=… -DBUILD=… -DROOT=… -DFOLDER=… -DCOMPILER=… -DGENERATOR=… -DVERSION=… [-DFLAGS=…] -P run.cmake
# `install` puts everything into FOLDER/prefix, by the README's command; the other cases use that with nothing else to
# find fftconv by.
cmake_minimum_required(VERSION 3.25)
set(prefix ${FOLDER}/prefix)
set(work ${FOLDER}/${CASE})
set(here ${CMAKE_CURRENT_LIST_DIR})
file(REMOVE_RECURSE ${work})
file(MAKE_DIRECTORY ${work})

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()
function(output_of result)
  execute_process(COMMAND ${ARGN} OUTPUT_VARIABLE output COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
  set(${result} "${output}" PARENT_SCOPE)
endfunction()
# expect(TEXT [NOT] MATCHES expression): fails with the text.
function(expect text)
  if(ARGV1 STREQUAL "NOT")
    if(text MATCHES "${ARGV3}")
      message(FATAL_ERROR "expected nothing like ${ARGV3} in:\n${text}")
    endif()
  elseif(NOT text MATCHES "${ARGV2}")
    message(FATAL_ERROR "expected ${ARGV2} in:\n${text}")
  endif()
endfunction()
# Configures, builds and leaves a user's project in `work`.
function(build_project source)
  run(${CMAKE_COMMAND} -S ${source} -B ${work} -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${COMPILER} ${ARGN})
  run(${CMAKE_COMMAND} --build ${work})
endfunction()
function(run_there)
  run(${CMAKE_COMMAND} -E chdir ${work} ${ARGN})
endfunction()

include(${here}/cases/${CASE}.cmake)
