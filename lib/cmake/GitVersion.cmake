cmake_minimum_required(VERSION 3.25)
# Run at every build: writes OUTPUT (a header) with VERSION and the commit that SOURCE_DIR is at, only when it
# changed. The ceiling keeps a source tarball unpacked inside another repository from taking that one's commit.
get_filename_component(parent ${SOURCE_DIR} DIRECTORY)
set(ENV{GIT_CEILING_DIRECTORIES} ${parent})
set(git git -c safe.directory=* -C ${SOURCE_DIR})
execute_process(COMMAND ${git} rev-parse HEAD OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE
  ERROR_QUIET RESULT_VARIABLE failed)
set(dirty false)
if(failed)
  set(commit "unknown")
else()
  execute_process(COMMAND ${git} status --porcelain --untracked-files=no OUTPUT_VARIABLE changes ERROR_QUIET)
  if(changes)
    set(dirty true)
  endif()
endif()
file(CONFIGURE OUTPUT ${OUTPUT} @ONLY CONTENT
"#pragma once
#define FFTCONV_VERSION \"${VERSION}\"
#define FFTCONV_GIT_COMMIT \"${commit}\"
#define FFTCONV_GIT_DIRTY ${dirty}
")
