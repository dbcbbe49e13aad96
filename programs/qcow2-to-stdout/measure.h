// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "common/open_source.h"
#include "qcow2-to-stdout/command_line.h"
#include "qcow2stream/image.h"

namespace qcow2stream::cli {

// What --measure prints, with its last newline, of the image of `source`. `range` is what a run
// with the same options writes; it is mentioned only if a part of the image was wanted.
std::string measure_text(const Image& image, const OpenedSource& source, HostRange range,
                         bool is_part, MeasureFormat format);

// The object of --measure=json; `range` is mentioned if it is given.
nlohmann::ordered_json measure_json(const Image& image, const OpenedSource& source,
                                    std::optional<HostRange> range);

}  // namespace qcow2stream::cli
