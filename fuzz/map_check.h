// SPDX-License-Identifier: GPL-2.0-or-later
//
// Maps in JSON against their model.

#pragma once

#include <string>

#include "map_model.h"

namespace qcow2stream::fuzz {

// The text is a map of a small disk. It must be refused where the model refuses it, with an Error,
// and else have the clusters that the model paints, read from a file and from a pipe. Throws where
// it is otherwise.
void check_map(const std::string& text, Meaning meaning);

}  // namespace qcow2stream::fuzz
