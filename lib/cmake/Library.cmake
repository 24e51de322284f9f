# fftconv_library(NAME ROOMS folders… SOURCES files… WITHOUT files… NEEDS names… DESCRIPTION text): the library
# fftconv_NAME, fftconv::NAME for users, from the sources of these rooms, without some. Static, or shared with
# BUILD_SHARED_LIBS. Its inside is not exported, so what our own apps, tests and other libraries link is
# fftconv_NAME_inside: the static library, which then is a second one made of the same objects.
function(fftconv_library name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "DESCRIPTION" "ROOMS;SOURCES;WITHOUT;NEEDS")
  foreach(room IN LISTS ARG_ROOMS)
    file(GLOB found CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/fftconv/${room}/*.cpp)
    list(APPEND sources ${found})
  endforeach()
  list(TRANSFORM ARG_SOURCES PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/fftconv/)
  list(TRANSFORM ARG_WITHOUT PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/fftconv/)
  list(APPEND sources ${ARG_SOURCES})
  list(REMOVE_ITEM sources ${ARG_WITHOUT})
  fftconv_own_units(${sources})

  set(objects fftconv_${name}_objects)
  add_library(${objects} OBJECT ${sources})
  set_target_properties(${objects} PROPERTIES POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON)
  target_compile_options(${objects} PRIVATE
    $<$<CXX_COMPILER_ID:GNU>:-fno-semantic-interposition>)  # our calls among ourselves are never replaced
  # Eigen runs inside our own fixed partition of the work, or results would depend on the number of threads.
  # Square roots are rounded as IEEE 754 says: Eigen's fast ones begin with an estimate of the processor, which
  # Intel's and AMD's have different, so that Adam and RMSProp may train other weights there.
  target_compile_definitions(${objects} PRIVATE EIGEN_DONT_PARALLELIZE EIGEN_FAST_MATH=0)
  target_link_libraries(${objects} PRIVATE fftconv_options Eigen3::Eigen)
  fftconv_include_folders(${objects})

  add_library(fftconv_${name} $<TARGET_OBJECTS:${objects}>)
  add_library(fftconv::${name} ALIAS fftconv_${name})
  set_target_properties(fftconv_${name} PROPERTIES EXPORT_NAME ${name} VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR} FFTCONV_NEEDS "${ARG_NEEDS}"
    FFTCONV_DESCRIPTION "${ARG_DESCRIPTION}")
  fftconv_include_folders(fftconv_${name})
  target_link_options(fftconv_${name} PRIVATE ${fftconv_sanitizers})
  if(BUILD_SHARED_LIBS)
    add_library(fftconv_${name}_inside STATIC EXCLUDE_FROM_ALL $<TARGET_OBJECTS:${objects}>)
    fftconv_include_folders(fftconv_${name}_inside)
    set(exports ${CMAKE_CURRENT_SOURCE_DIR}/cmake/exports.map)
    target_link_options(fftconv_${name} PRIVATE -Wl,--version-script=${exports} -Wl,--exclude-libs,ALL -Wl,--no-undefined)
    set_target_properties(fftconv_${name} PROPERTIES LINK_DEPENDS ${exports})
  else()
    add_library(fftconv_${name}_inside ALIAS fftconv_${name})
  endif()
  foreach(need IN LISTS ARG_NEEDS)
    target_link_libraries(fftconv_${name} PUBLIC fftconv_${need})
    if(BUILD_SHARED_LIBS)  # where one library uses the inside of another it gets a copy of it
      target_link_libraries(fftconv_${name} PRIVATE fftconv_${need}_inside)
      target_link_libraries(fftconv_${name}_inside PUBLIC fftconv_${need}_inside)
    endif()
  endforeach()
endfunction()

function(fftconv_include_folders target)
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}>
    $<BUILD_INTERFACE:${CMAKE_CURRENT_BINARY_DIR}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_features(${target} PUBLIC cxx_std_20)
endfunction()

# fftconv_link(NAME LIBRARIES … PACKAGES … NAMES …): what the library links for itself; the pkg-config packages of it, and
# the names of libraries that have none.
function(fftconv_link name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "LIBRARIES;PACKAGES;NAMES")
  target_link_libraries(fftconv_${name}_objects PRIVATE ${ARG_LIBRARIES})
  target_link_libraries(fftconv_${name} PRIVATE ${ARG_LIBRARIES})
  if(BUILD_SHARED_LIBS)
    target_link_libraries(fftconv_${name}_inside PRIVATE ${ARG_LIBRARIES})
  endif()
  set_property(TARGET fftconv_${name} APPEND PROPERTY FFTCONV_PACKAGES ${ARG_PACKAGES})
  set_property(TARGET fftconv_${name} APPEND PROPERTY FFTCONV_NAMES ${ARG_NAMES})
endfunction()

# Whether a header, relative to this folder, is for users: those that say so, and those that only include them.
function(fftconv_is_public header result)
  file(STRINGS ${header} says_so REGEX "namespace FFTCONV_PUBLIC|define FFTCONV_PUBLIC" LIMIT_COUNT 1)
  get_filename_component(folder ${header} DIRECTORY)
  if(says_so OR folder STREQUAL "fftconv")
    set(${result} TRUE PARENT_SCOPE)
  else()
    set(${result} FALSE PARENT_SCOPE)
  endif()
endfunction()
