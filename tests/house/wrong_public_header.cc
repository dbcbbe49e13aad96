// SPDX-License-Identifier: GPL-2.0-or-later
//
// Checked as a file of a pure room that may include base only. A test expects this to fail.

#include "qcow2stream/emit.h"
