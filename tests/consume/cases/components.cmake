# What is there is found, what is not there is said, and only REQUIRED ends the configuration.
set(options -G ${GENERATOR} -DCMAKE_PREFIX_PATH=${prefix} -DCMAKE_CXX_COMPILER=${COMPILER})
output_of(said ${CMAKE_COMMAND} -S ${here}/components -B ${work} ${options})
expect("${said}" MATCHES "convolution found: (1|TRUE), with storage: no")
expect("${said}" MATCHES "network and an optional gpu found: (1|TRUE)")
expect("${said}" MATCHES "gpu found: (0|FALSE): fftconv: there is no component gpu: this fftconv was built with convolution")
execute_process(COMMAND ${CMAKE_COMMAND} -S ${here}/components -B ${work}-required ${options} -DREQUIRE=gpu
  ERROR_VARIABLE said RESULT_VARIABLE failed OUTPUT_QUIET)
if(NOT failed)
  message(FATAL_ERROR "a required component that is not there was found")
endif()
string(REGEX REPLACE "[ \n]+" " " said "${said}")
expect("${said}" MATCHES "there is no component gpu")
# A machine that lacks what a static library links.
set(ENV{PKG_CONFIG_LIBDIR} ${work})
output_of(said ${CMAKE_COMMAND} -S ${here}/components -B ${work}-empty ${options})
expect("${said}" MATCHES "convolution found: (0|FALSE), .* fftconv: component convolution needs libhwy .by pkg-config., which was not found")
