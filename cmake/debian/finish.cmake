# SPDX-License-Identifier: GPL-2.0-or-later
#
# CPack runs this between installing and packing. It makes of the installed files what Debian's policy
# asks for.

# Compressed without a name or a time in it.
function(compress_files)
  execute_process(COMMAND gzip -9n -- ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# Each package has its notices in a directory of its name.
function(write_notices package docdir)
  set(source ${CMAKE_CURRENT_FUNCTION_LIST_DIR})
  file(COPY ${source}/copyright DESTINATION ${docdir})
  configure_file(${source}/../../CHANGELOG.md ${docdir}/changelog COPYONLY)
  string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)  # SOURCE_DATE_EPOCH, if there is one
  file(WRITE ${docdir}/changelog.Debian
"qcow2-to-stdout (${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}) unstable; urgency=medium

  * Packaged from its own sources by CPack.

 -- ${CPACK_PACKAGE_CONTACT}  ${date}
")
  file(CHMOD ${docdir}/copyright ${docdir}/changelog ${docdir}/changelog.Debian
       PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
  compress_files(${docdir}/changelog ${docdir}/changelog.Debian)
endfunction()

foreach(component IN LISTS CPACK_COMPONENTS_ALL)
  string(TOUPPER ${component} upper)
  set(package ${CPACK_DEBIAN_${upper}_PACKAGE_NAME})
  set(root ${CPACK_TEMPORARY_DIRECTORY}/${component}/usr)
  if(NOT package STREQUAL CPACK_PACKAGE_NAME AND EXISTS ${root}/share/doc/${CPACK_PACKAGE_NAME})
    file(RENAME ${root}/share/doc/${CPACK_PACKAGE_NAME} ${root}/share/doc/${package})
  endif()
  write_notices(${package} ${root}/share/doc/${package})

  file(GLOB manuals ${root}/share/man/man*/*)
  if(manuals)
    compress_files(${manuals})
  endif()
  if(EXISTS ${root}/share/zsh/site-functions)
    file(RENAME ${root}/share/zsh/site-functions ${root}/share/zsh/vendor-completions)
  endif()
  file(GLOB_RECURSE archives ${root}/lib/*.a)
  foreach(archive IN LISTS archives)
    execute_process(COMMAND strip --strip-debug --enable-deterministic-archives ${archive}
                    COMMAND_ERROR_IS_FATAL ANY)
  endforeach()
endforeach()
