// SPDX-License-Identifier: GPL-2.0-or-later
//
// From what the caller names to a disk.

#pragma once

#include <string>
#include <vector>

#include "c_api/disk.h"
#include "c_api/settings.h"

namespace qcow2stream::c_api {

qcow2stream_disk open_path(const std::string& path, const Settings& settings);
qcow2stream_disk open_server(const std::string& uri, const Settings& settings);
qcow2stream_disk open_program(const std::vector<std::string>& command, const Settings& settings);
qcow2stream_disk open_node(const std::string& blockdev, const Settings& settings);
qcow2stream_disk open_descriptor(int fd, const std::string& name, const Settings& settings);

}  // namespace qcow2stream::c_api
