// SPDX-License-Identifier: GPL-2.0-or-later
//
// The list of clusters that stands in a disk's header of some virtualisation stacks:
//   {"cluster_bits": N, "data_clusters": [[first, last], ...]}
// The numbers are those of clusters of 2^N bytes, `last` belongs to them, and other keys say
// nothing here.

#pragma once

#include <functional>
#include <string>

#include "lists/json_bytes.h"
#include "lists/list_file.h"

namespace qcow2stream {

// As ListFile::read(), of bytes that begin with the object.
bool read_cluster_list(JsonBytes& bytes, const std::string& name,
                       const std::function<bool(const ListEntry&)>& handle);

}  // namespace qcow2stream
