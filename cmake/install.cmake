# SPDX-License-Identifier: GPL-2.0-or-later
#
# What `cmake --install` installs: the component `program`, `shared` with the shared library, `dev` for
# programs that use the libraries, and `python`.

include(CMakePackageConfigHelpers)
set(docdir ${CMAKE_INSTALL_DATADIR}/doc/${PROJECT_NAME})
set(cmakedir ${CMAKE_INSTALL_LIBDIR}/cmake/qcow2stream)

set(programs qcow2-to-stdout qcow2-from-stdin)
install(TARGETS ${programs} COMPONENT program)
install(TARGETS qcow2stream-confined COMPONENT program
        RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/qcow2-to-stdout)

foreach(program IN LISTS programs)
  # The manual page in the source is one that `man` can show; only the installed one names a version.
  set(manual ${PROJECT_SOURCE_DIR}/man/${program}.1)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${manual})
  file(READ ${manual} text)
  string(REPLACE " ${program} \"User Commands\"\n"
                 " \"${program} ${PROJECT_VERSION}\" \"User Commands\"\n" text "${text}")
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/man/${program}.1 CONTENT "@text@" @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/man/${program}.1
          DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT program)

  install(FILES completions/${program}.bash RENAME ${program} COMPONENT program
          DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES completions/_${program} COMPONENT program
          DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
  install(FILES completions/${program}.fish COMPONENT program
          DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endforeach()
install(FILES README.md SECURITY.md DESTINATION ${docdir} COMPONENT program OPTIONAL)
install(DIRECTORY docs DESTINATION ${docdir} COMPONENT program)
install(FILES CHANGELOG.md LICENSE DESTINATION ${docdir} COMPONENT notices)

install(TARGETS qcow2stream EXPORT qcow2stream COMPONENT dev)
install(TARGETS qcow2stream_c EXPORT qcow2stream
        LIBRARY COMPONENT shared NAMELINK_COMPONENT dev)
install(DIRECTORY include/qcow2stream DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev)
install(DIRECTORY examples DESTINATION ${docdir} COMPONENT dev)

install(EXPORT qcow2stream NAMESPACE qcow2stream:: FILE qcow2stream-targets.cmake
        DESTINATION ${cmakedir} COMPONENT dev)
configure_package_config_file(cmake/qcow2stream-config.cmake.in
                              ${PROJECT_BINARY_DIR}/cmake/qcow2stream-config.cmake
                              INSTALL_DESTINATION ${cmakedir})
# Before 1.0 a minor version may change the API.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/cmake/qcow2stream-config-version.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/cmake/qcow2stream-config.cmake
              ${PROJECT_BINARY_DIR}/cmake/qcow2stream-config-version.cmake
        DESTINATION ${cmakedir} COMPONENT dev)

# Names its prefix, which `cmake --install --prefix` and CPack may choose: it is made when it is installed.
set(pc_prefix "@CMAKE_INSTALL_PREFIX@")
list(JOIN QCOW2STREAM_MODULES " " modules)
cmake_path(APPEND pc_libdir "\${prefix}" ${CMAKE_INSTALL_LIBDIR})
cmake_path(APPEND pc_includedir "\${prefix}" ${CMAKE_INSTALL_INCLUDEDIR})
foreach(name IN ITEMS qcow2stream qcow2stream-c)
  configure_file(cmake/${name}.pc.in ${PROJECT_BINARY_DIR}/cmake/${name}.pc.in @ONLY)
  install(CODE "set(source \"${PROJECT_BINARY_DIR}/cmake/${name}.pc\")
                configure_file(\"\${source}.in\" \"\${source}\" @ONLY)" COMPONENT dev)
  install(FILES ${PROJECT_BINARY_DIR}/cmake/${name}.pc
          DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)
endforeach()
