// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-from-stdin/content.h"

#include <fmt/format.h>

#include <memory>
#include <string_view>

#include "qcow2stream/error.h"

namespace qcow2stream::cli {
namespace {

constexpr SideFileKind kManifestKind = {
    .name = "a manifest",
    .is_old_one =
        [](std::string_view beginning) { return beginning.starts_with(kManifestBeginning); },
    .replaces = true};

std::shared_ptr<const Manifest> loaded(const std::optional<std::string>& path) {
  if (!path) return nullptr;
  return std::make_shared<const Manifest>(Manifest::load(*path));
}

}  // namespace

ExpectedContent expected_content(const Job& job) {
  ExpectedContent expected = job.restore.expected;
  expected.manifest = loaded(job.manifests.manifest);
  expected.base = loaded(job.manifests.base);
  if (expected.manifest != nullptr && expected.root &&
      *expected.root != expected.manifest->header().root) {
    throw Error(ErrorKind::kMismatch, expected.manifest->name(), "is not what is expected",
                fmt::format("its root is {}", root_text(expected.manifest->header().root)))
        .about(ErrorSubject::kManifest);
  }
  return expected;
}

void check_roots(const ExpectedContent& expected, const Images& images) {
  if (!images.roots || !images.roots->own) return;
  std::optional<ContentDigest> root = expected.root;
  if (expected.manifest != nullptr) root = expected.manifest->header().root;
  if (!root || *root == *images.roots->own) return;
  throw Error(
      ErrorKind::kMismatch, images.inputs.back().name, "does not hold what is expected",
      fmt::format("its own root is {}, not {}", root_text(*images.roots->own), root_text(*root)))
      .about(ErrorSubject::kImage);
}

SavedManifest::SavedManifest(const ManifestJob& job, Ends& ends) {
  if (job.save) file_.emplace(*job.save, kManifestKind, ends);
}

void SavedManifest::write(const std::shared_ptr<ManifestBuilder>& content,
                          const std::optional<ContentDigest>& parent) {
  if (!file_) return;
  file_->begin();
  content->encode(parent, [&](std::span<const std::byte> bytes) {
    file_->write(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  });
  file_->close();
  file_->keep();
}

}  // namespace qcow2stream::cli
