# SPDX-License-Identifier: GPL-2.0-or-later
#
# add_room(NAME [MAY_INCLUDE ROOM...] [LINK TARGET...] [HEADERS TARGET...])
#
# A room is a folder below src/, compiled with an include path that holds the public headers, the
# room itself and the rooms it may include, and nothing else. So `#include "plan/layout.h"` in a room
# that has no business there does not compile: the table in CMakeLists.txt enforces itself. (Each
# room's headers are reached through a link build/rooms/NAME/NAME -> src/NAME, since src/ itself on
# the include path would show all rooms to all.)
#
# Appends the room's objects to ROOM_OBJECTS and what it links with to ROOM_LIBRARIES. What is named
# behind HEADERS has no code to link with.

function(room_include_directory name out)
  set(directory ${CMAKE_BINARY_DIR}/rooms/${name})
  if(NOT EXISTS ${directory}/${name})
    file(MAKE_DIRECTORY ${directory})
    file(CREATE_LINK ${CMAKE_SOURCE_DIR}/src/${name} ${directory}/${name} SYMBOLIC)
  endif()
  set(${out} ${directory} PARENT_SCOPE)
endfunction()

# Gives a target the include path of the rooms named.
function(target_see_rooms target)
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/include)
  foreach(room IN LISTS ARGN)
    room_include_directory(${room} directory)
    target_include_directories(${target} PRIVATE ${directory})
  endforeach()
endfunction()

function(add_room name)
  cmake_parse_arguments(ROOM "" "" "MAY_INCLUDE;LINK;HEADERS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cc)
  add_library(room_${name} OBJECT ${sources})
  set_target_properties(room_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_see_rooms(room_${name} ${name} ${ROOM_MAY_INCLUDE})
  target_link_libraries(room_${name} PRIVATE fmt::fmt Threads::Threads ${ROOM_LINK} ${ROOM_HEADERS})

  set(libraries ${ROOM_LIBRARIES} fmt::fmt Threads::Threads ${ROOM_LINK})
  list(REMOVE_DUPLICATES libraries)
  set(ROOM_LIBRARIES ${libraries} PARENT_SCOPE)
  set(ROOM_OBJECTS ${ROOM_OBJECTS} $<TARGET_OBJECTS:room_${name}> PARENT_SCOPE)
endfunction()
