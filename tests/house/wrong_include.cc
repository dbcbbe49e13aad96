// SPDX-License-Identifier: GPL-2.0-or-later
//
// Compiled with the include path of qcow2/, which may not see plan/. A test expects this to fail.

#include "plan/layout.h"
