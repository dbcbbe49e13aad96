// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include "c_api/settings.h"
#include "qcow2stream/c.h"

// NOLINTNEXTLINE(readability-identifier-naming): c.h has its name
struct qcow2stream_options {
  qcow2stream::c_api::Settings settings;
};

namespace qcow2stream::c_api {

// Null: everything has its default.
inline Settings settings_of(const qcow2stream_options* options) {
  return options == nullptr ? Settings{} : options->settings;
}

}  // namespace qcow2stream::c_api
