# SPDX-License-Identifier: GPL-2.0-or-later
#
# The house: which folder may include which.
#
#   add_room(NAME [PURE] [APART] [PUBLIC HEADER...] [MAY_INCLUDE ROOM...] [LINK TARGET...]
#            [HEADERS TARGET...])
#
# A room is a folder below src/ (NAME may be disk/nbd: then it is a room within the room disk). Each
# public header belongs to one room, whose row names it behind PUBLIC. A file of a room may include
# the headers of the room, of the rooms that its row names, and the public headers of these. A PURE
# room makes no system call: it may not include a room that is not pure, nor a header of the system.
# A row names only rooms that stand above it, so there is no circle, and none that it does not use.
#
# cmake/check_room.cmake looks at the includes before anything of the room is compiled.
#
# Appends the room's objects to ROOM_OBJECTS and what it links with to ROOM_LIBRARIES. What is named
# behind HEADERS has no code to link with. A room that is APART is no part of the library: its
# objects and what they link with go to APART_OBJECTS and APART_LIBRARIES.

# Lets a target include the headers of all rooms: tests do, and benchmarks.
function(target_see_house target)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/include
                                               ${PROJECT_SOURCE_DIR}/src)
endfunction()

# Adds the target check-TARGET, which runs check_room.cmake when a file of the room has changed.
function(add_check target)
  cmake_parse_arguments(CHECK "" "ROOM;PURE" "FILES;MAY_INCLUDE;PUBLIC;OWNERS" ${ARGN})
  set(row ${PROJECT_BINARY_DIR}/rooms/${target}.cmake)
  set(stamp ${PROJECT_BINARY_DIR}/rooms/${target}.stamp)
  set(script ${PROJECT_SOURCE_DIR}/cmake/check_room.cmake)
  set(text "set(HOUSE \"${PROJECT_SOURCE_DIR}/\")\n")
  foreach(name IN ITEMS ROOM PURE FILES MAY_INCLUDE PUBLIC OWNERS)
    string(APPEND text "set(${name} \"${CHECK_${name}}\")\n")
  endforeach()
  file(CONFIGURE OUTPUT ${row} CONTENT "${text}" @ONLY)
  add_custom_command(
    OUTPUT ${stamp}
    COMMAND ${CMAKE_COMMAND} -D "ROW=${row}" -P ${script}
    COMMAND ${CMAKE_COMMAND} -E touch ${stamp}
    DEPENDS ${CHECK_FILES} ${row} ${script}
    COMMENT "Checking the includes of ${CHECK_ROOM}"
    VERBATIM)
  add_custom_target(check-${target} DEPENDS ${stamp})
endfunction()

# check_includes(NAME [PURE] FILES FILE... MAY_INCLUDE ROOM... PUBLIC HEADER...): adds the
# target check-NAME.
function(check_includes name)
  cmake_parse_arguments(CHECK "PURE" "" "FILES;MAY_INCLUDE;PUBLIC" ${ARGN})
  string(REPLACE / - target ${name})
  set(public_files ${CHECK_PUBLIC})
  list(TRANSFORM public_files PREPEND ${PROJECT_SOURCE_DIR}/include/qcow2stream/)
  set(allowed_public ${CHECK_PUBLIC})
  set(owners)
  foreach(room IN LISTS CHECK_MAY_INCLUDE)
    get_property(is_pure GLOBAL PROPERTY ROOM_IS_PURE_${room})
    if(CHECK_PURE AND NOT is_pure)
      message(FATAL_ERROR "the pure room ${name} may not include ${room}, which is not pure")
    endif()
    get_property(headers GLOBAL PROPERTY ROOM_PUBLIC_${room})
    list(APPEND allowed_public ${headers})
    list(JOIN headers "," joined)
    list(APPEND owners "${room}=${joined}")
  endforeach()
  add_check(${target} ROOM ${name} FILES ${CHECK_FILES} ${public_files}
            MAY_INCLUDE ${CHECK_MAY_INCLUDE} PUBLIC ${allowed_public} OWNERS ${owners}
            PURE ${CHECK_PURE})
endfunction()

function(add_room name)
  cmake_parse_arguments(ROOM "PURE;APART" "" "PUBLIC;MAY_INCLUDE;LINK;HEADERS" ${ARGN})
  foreach(room IN LISTS ROOM_MAY_INCLUDE)
    get_property(is_known GLOBAL PROPERTY ROOM_IS_PURE_${room} SET)
    if(NOT is_known)
      message(FATAL_ERROR "the room ${name} may include ${room}, which does not stand above it")
    endif()
  endforeach()
  set_property(GLOBAL PROPERTY ROOM_IS_PURE_${name} ${ROOM_PURE})
  set_property(GLOBAL PROPERTY ROOM_PUBLIC_${name} ${ROOM_PUBLIC})
  set_property(GLOBAL APPEND PROPERTY HOUSE_PUBLIC ${ROOM_PUBLIC})

  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.cc)
  file(GLOB headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.h)
  set(pure)
  if(ROOM_PURE)
    set(pure PURE)
  endif()
  check_includes(${name} ${pure} FILES ${sources} ${headers}
                 MAY_INCLUDE ${ROOM_MAY_INCLUDE} PUBLIC ${ROOM_PUBLIC})

  string(REPLACE / - target ${name})
  add_library(room_${target} OBJECT ${sources})
  add_dependencies(room_${target} check-${target})
  set_target_properties(room_${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_see_house(room_${target})
  target_link_libraries(room_${target} PRIVATE fmt::fmt Threads::Threads ${ROOM_LINK}
                                               ${ROOM_HEADERS})

  if(ROOM_APART)
    set(APART_LIBRARIES ${APART_LIBRARIES} ${ROOM_LINK} PARENT_SCOPE)
    set(APART_OBJECTS ${APART_OBJECTS} $<TARGET_OBJECTS:room_${target}> PARENT_SCOPE)
    return()
  endif()
  set(libraries ${ROOM_LIBRARIES} fmt::fmt Threads::Threads ${ROOM_LINK})
  list(REMOVE_DUPLICATES libraries)
  set(ROOM_LIBRARIES ${libraries} PARENT_SCOPE)
  set(ROOM_OBJECTS ${ROOM_OBJECTS} $<TARGET_OBJECTS:room_${target}> PARENT_SCOPE)
endfunction()

# Every public header has one owner. Called when all rooms are there.
function(check_public_headers)
  file(GLOB found CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}/include/qcow2stream
       ${PROJECT_SOURCE_DIR}/include/qcow2stream/*.h)
  list(REMOVE_ITEM found qcow2stream.h)  # includes them all
  get_property(owned GLOBAL PROPERTY HOUSE_PUBLIC)
  list(SORT found)
  list(SORT owned)
  if(NOT found STREQUAL owned)
    message(FATAL_ERROR "public headers: there are ${found}; the rooms' rows name ${owned}")
  endif()
endfunction()

# add_program_room(NAME [MAY_INCLUDE ROOM...]): a folder below programs/. It may include all public
# headers, the rooms base and system, and the rooms of programs that its row names.
function(add_program_room name)
  cmake_parse_arguments(ROOM "" "" "MAY_INCLUDE" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/programs/${name}/*.cc)
  file(GLOB headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/programs/${name}/*.h)
  get_property(public GLOBAL PROPERTY HOUSE_PUBLIC)
  add_check(program-${name} ROOM ${name} FILES ${sources} ${headers}
            MAY_INCLUDE base system ${ROOM_MAY_INCLUDE} PUBLIC ${public} qcow2stream.h PURE FALSE)
  add_library(program_${name} OBJECT ${sources})
  add_dependencies(program_${name} check-program-${name})
  target_see_house(program_${name})
  target_include_directories(program_${name} PRIVATE ${PROJECT_SOURCE_DIR}/programs)
  target_link_libraries(program_${name} PRIVATE fmt::fmt Threads::Threads
                                                nlohmann_json::nlohmann_json)
endfunction()
