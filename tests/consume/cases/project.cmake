# Everything, and the README's example.
build_project(${here}/project -DCMAKE_PREFIX_PATH=${prefix} -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS=${FLAGS})
run_there(./consume)
