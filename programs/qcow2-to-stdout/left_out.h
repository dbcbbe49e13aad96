// SPDX-License-Identifier: GPL-2.0-or-later
//
// --leave-out: what is left out of DISK, and what is said of it.

#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "common/ends.h"
#include "qcow2-to-stdout/job.h"
#include "qcow2-to-stdout/open_input.h"
#include "qcow2stream/leave_out.h"

namespace qcow2stream::cli {

// Looks for it, and warns of file systems that are kept only since they were not left clean. Null
// where nothing is to be left out, or a plan says what is. Throws Error.
std::shared_ptr<const LeftOut> find_left_out(const Job& job, const Disks& disks, const Ends& ends);

// What --measure says of it.
nlohmann::ordered_json left_out_json(const LeftOut& left_out);
std::string left_out_text(const LeftOut& left_out);

}  // namespace qcow2stream::cli
