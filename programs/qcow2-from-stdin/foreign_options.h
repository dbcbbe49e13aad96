// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include "common/option_hints.h"

namespace qcow2stream::cli {

ForeignOptions foreign_options();

}  // namespace qcow2stream::cli
