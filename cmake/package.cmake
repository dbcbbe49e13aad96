# SPDX-License-Identifier: GPL-2.0-or-later
#
# Debian packages, by CPack: qcow2-to-stdout, libqcow2stream0, libqcow2stream-dev and, where cffi is there to
# make it, python3-qcow2stream. `./dev package` builds them.

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")  # each package has its own
set(CPACK_PACKAGE_CONTACT "qcow2-to-stdout maintainers <maintainers@qcow2-to-stdout.invalid>"
    CACHE STRING "who maintains the packages")
set(CPACK_COMPONENTS_ALL program shared dev)
if(QCOW2STREAM_FOUND_PYTHON)
  list(APPEND CPACK_COMPONENTS_ALL python)
endif()
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE
    GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
# So that what is made while it is installed names the prefix that it will have.
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/debian/finish.cmake)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SOURCE qcow2-to-stdout)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)

set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME qcow2-to-stdout)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SHLIBDEPS ON)
# Disks that are not raw are read by QEMU. Either of its programs will do.
set(CPACK_DEBIAN_PROGRAM_PACKAGE_RECOMMENDS qemu-utils)
# Users other than root mount images with fusermount3.
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SUGGESTS "qemu-system-common, nbdkit, fuse3")
set(CPACK_DEBIAN_PROGRAM_DESCRIPTION "disk to qcow2 image as a stream
Reads a disk (a file, a block device, a pipe, an NBD server, an image of any
format that QEMU reads) and writes a qcow2 image of it to standard output,
from the first byte to the last. No room for a second copy is needed, so that
a disk can go straight into ssh, a compressor, a backup program or an object
store.

The size is known before the first byte, the same disk gives the same bytes
every time, any range of the image can be written alone, and increments can
be written as overlays of the image before.

qcow2-from-stdin is the way back: it restores disks from qcow2 images while
they arrive through a pipe, without a copy of the image.
")

set(CPACK_DEBIAN_SHARED_PACKAGE_NAME libqcow2stream0)
set(CPACK_DEBIAN_SHARED_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_SHARED_PACKAGE_SHLIBDEPS ON)
# Who takes apart what is not trusted comes with the program; QEMU reads what is neither raw nor qcow2.
set(CPACK_DEBIAN_SHARED_PACKAGE_SUGGESTS "qcow2-to-stdout, qemu-utils")
set(CPACK_DEBIAN_SHARED_DESCRIPTION "disks to qcow2 images as streams (shared library)
Surveys a disk, tells the exact size of its qcow2 image, and makes any range
of that image at any time, in any order and from many threads; restores disks
from images that arrive as streams.

This package has the shared library, whose interface is in C.
")

set(CPACK_DEBIAN_PYTHON_PACKAGE_NAME python3-qcow2stream)
set(CPACK_DEBIAN_PYTHON_PACKAGE_SECTION python)
set(CPACK_DEBIAN_PYTHON_PACKAGE_ARCHITECTURE all)
set(CPACK_DEBIAN_PYTHON_PACKAGE_DEPENDS
    "python3 (>= 3.9), python3-cffi-backend, libqcow2stream0 (>= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_PYTHON_PACKAGE_SUGGESTS "python3-boto3, python3-requests")
set(CPACK_DEBIAN_PYTHON_DESCRIPTION "disks to qcow2 images as streams (Python)
The qcow2 image of a disk as a binary file that is never stored: it can be
read and sought, by any number of threads, and is made of the disk while it
is read. So every library that uploads or copies files can send it.
")

# A static library carries what it was compiled with: fmt's symbols have its major version in their names.
math(EXPR next_fmt "${fmt_VERSION_MAJOR} + 1")
set(CPACK_DEBIAN_DEV_PACKAGE_NAME libqcow2stream-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "libfmt-dev (>= ${fmt_VERSION_MAJOR}), \
libfmt-dev (<< ${next_fmt}), libssl-dev, liburing-dev, libnbd-dev, zlib1g-dev, \
libisal-dev, libdeflate-dev, libzstd-dev, \
libqcow2stream0 (= ${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE})")
set(CPACK_DEBIAN_DEV_PACKAGE_SUGGESTS "pkg-config, cmake")
set(CPACK_DEBIAN_DEV_DESCRIPTION "disks to qcow2 images as streams (development files)
A C++20 library that surveys a disk, tells the exact size of its qcow2 image
and makes any range of that image. The program qcow2-to-stdout is a user
of it. The shared library has the same for C.

This package has the static library, the name of the shared one, the headers,
and what CMake and pkg-config need to find them.
")

include(CPack)
