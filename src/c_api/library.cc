// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2stream/c.h"

const char* qcow2stream_version(void) {
  return QCOW2STREAM_VERSION;
}
