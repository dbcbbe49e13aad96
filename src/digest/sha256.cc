// SPDX-License-Identifier: GPL-2.0-or-later

#include "digest/sha256.h"

#include "qcow2stream/error.h"

namespace qcow2stream {
namespace {

void check(int ok) {
  if (ok != 1) throw Error(ErrorKind::kFailed, "SHA-256", "failed", "OpenSSL refuses it");
}

}  // namespace

Sha256::Sha256() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
  check(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr));
}

void Sha256::update(std::span<const std::byte> bytes) {
  check(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()));
}

Sha256::Digest Sha256::finish() {
  Digest digest{};
  check(
      EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(digest.data()), nullptr));
  return digest;
}

}  // namespace qcow2stream
