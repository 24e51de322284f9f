# Every installed header compiles alone: one source per header that includes it first, and again. Not
# installed, as lib/CMakeLists.txt says, are *-inl.hpp (parts of sources).
if(FFTCONV_SANITIZE)
  return()  # the other build compiles them
endif()
file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}/lib ${PROJECT_SOURCE_DIR}/lib/fftconv/*.hpp)
list(FILTER headers EXCLUDE REGEX "-inl\\.hpp$")
foreach(header IN LISTS headers)
  string(REPLACE ".hpp" ".cpp" source ${CMAKE_CURRENT_BINARY_DIR}/headers/${header})
  file(CONFIGURE OUTPUT ${source} CONTENT "#include <@header@>\n#include <@header@>\n" @ONLY)
  list(APPEND header_sources ${source})
endforeach()
add_library(headers_alone OBJECT ${header_sources})
target_compile_options(headers_alone PRIVATE -O0)
target_link_libraries(headers_alone PRIVATE fftconv_inside fftconv_options)
if(TARGET fftconv_distributed)
  find_package(MPI REQUIRED COMPONENTS C)
  target_link_libraries(headers_alone PRIVATE MPI::MPI_C)
  target_compile_definitions(headers_alone PRIVATE OMPI_SKIP_MPICXX MPICH_SKIP_MPICXX)
endif()
set_target_properties(headers_alone PROPERTIES UNITY_BUILD OFF)  # or they would not be alone
