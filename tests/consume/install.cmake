# cmake -DBUILD=… -DSOURCE=… -DPREFIX=… -DFLAGS=… -DCOMPILER=… -P install.cmake: installs the libraries into an empty
# prefix, then configures, builds and runs the user's project there with nothing else to find them by.
file(REMOVE_RECURSE ${PREFIX} ${PREFIX}-project)
function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${PREFIX} --component development)
run(${CMAKE_COMMAND} -S ${SOURCE} -B ${PREFIX}-project -DCMAKE_PREFIX_PATH=${PREFIX} -DCMAKE_BUILD_TYPE=Release
  -DCMAKE_CXX_COMPILER=${COMPILER} -DCMAKE_CXX_FLAGS=${FLAGS})
run(${CMAKE_COMMAND} --build ${PREFIX}-project)
run(${CMAKE_COMMAND} -E chdir ${PREFIX}-project ./consume)
