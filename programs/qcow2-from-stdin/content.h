// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the content should be, and the manifest of what it is.

#pragma once

#include <memory>
#include <optional>

#include "common/ends.h"
#include "common/side_file.h"
#include "qcow2-from-stdin/inputs.h"
#include "qcow2-from-stdin/job.h"
#include "qcow2stream/manifest.h"
#include "qcow2stream/proof.h"

namespace qcow2stream::cli {

// With the manifests, which are read here. Throws Error about kManifest.
ExpectedContent expected_content(const Job& job);

// Throws Error{kMismatch} where an image says by itself that it holds something else.
void check_roots(const ExpectedContent& expected, const Images& images);

// --save-manifest, if that was said. Throws Error.
class SavedManifest {
 public:
  SavedManifest(const ManifestJob& job, Ends& ends);
  // Writes it, and it stays.
  void write(const std::shared_ptr<ManifestBuilder>& content,
             const std::optional<ContentDigest>& parent);

 private:
  std::optional<SideFile> file_;
};

}  // namespace qcow2stream::cli
