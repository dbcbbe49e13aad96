# SPDX-License-Identifier: GPL-2.0-or-later
#
# Reads the includes of a room's files and fails where one of them is not allowed (cmake/rooms.cmake).
#
#   cmake -D ROW=FILE -P check_room.cmake
#
# ROW sets HOUSE (the directory of the project), ROOM, FILES, MAY_INCLUDE (rooms), PUBLIC (headers),
# OWNERS (ROOM=HEADER,HEADER for each room that may be included) and PURE.

cmake_policy(VERSION 3.22)
include(${ROW})

# Headers by which a pure room could reach the system, a clock or a thread.
set(impure "^(unistd|fcntl|poll|signal|dirent|pthread|sched|spawn|termios|stdio|time)[.]h$"
           "^(sys|linux|net|netinet|arpa|asm)/" "^c(stdio|signal|time)$"
           "^(fstream|iostream|filesystem|thread|condition_variable|future|chrono|random)$"
           "^(lib|openssl/|isa-l)")

set(problems "")
set(used "")
foreach(file IN LISTS FILES)
  string(REPLACE "${HOUSE}" "" where "${file}")
  file(STRINGS "${file}" lines REGEX "^[ \t]*#[ \t]*include[ \t]*[<\"]")
  foreach(line IN LISTS lines)
    if(NOT line MATCHES "[<\"]([^>\"]+)[>\"]")
      continue()
    endif()
    set(header ${CMAKE_MATCH_1})
    if(line MATCHES "<")
      foreach(pattern IN LISTS impure)
        if(PURE AND header MATCHES "${pattern}")
          list(APPEND problems "${where}: the room ${ROOM} is pure and may not include <${header}>")
        endif()
      endforeach()
    elseif(header MATCHES "^qcow2stream/(.+)$")
      if(NOT CMAKE_MATCH_1 IN_LIST PUBLIC)
        list(APPEND problems "${where}: the room ${ROOM} may not include the public header \"${header}\"")
      endif()
      list(APPEND used ${CMAKE_MATCH_1})
    else()
      get_filename_component(room ${header} DIRECTORY)
      if(NOT room STREQUAL ROOM AND NOT room IN_LIST MAY_INCLUDE)
        list(APPEND problems "${where}: the room ${ROOM} may not include \"${header}\"")
      endif()
      list(APPEND used ${room})
    endif()
  endforeach()
endforeach()

# A permission that nobody uses is a door that nobody watches.
foreach(owner IN LISTS OWNERS)
  string(REGEX MATCH "^([^=]+)=(.*)$" unused_match "${owner}")
  set(room ${CMAKE_MATCH_1})
  string(REPLACE "," ";" headers "${CMAKE_MATCH_2}")
  set(is_used FALSE)
  foreach(name IN LISTS room headers)
    if(name IN_LIST used)
      set(is_used TRUE)
    endif()
  endforeach()
  if(NOT is_used)
    list(APPEND problems "the room ${ROOM} may include ${room} and does not: take it out of its row")
  endif()
endforeach()

if(problems)
  list(JOIN problems "\n  " text)
  message(FATAL_ERROR "The table of rooms (CMakeLists.txt, docs/architecture.md) forbids:\n  ${text}")
endif()
