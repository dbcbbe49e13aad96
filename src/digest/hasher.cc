// SPDX-License-Identifier: GPL-2.0-or-later

#include "digest/hasher.h"

#include <isa-l/crc.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>

#include "digest/crc64_nvme.h"
#include "qcow2stream/error.h"

namespace qcow2stream {
namespace {

std::vector<std::byte> big_endian(std::uint64_t value, std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = size; i > 0; value >>= 8) bytes[--i] = static_cast<std::byte>(value & 0xff);
  return bytes;
}

class OpensslHasher final : public Hasher {
 public:
  OpensslHasher(const char* name, const EVP_MD* kind) : name_(name) {
    check(kind != nullptr && context_ != nullptr &&
          EVP_DigestInit_ex(context_.get(), kind, nullptr) == 1);
  }

  void update(std::span<const std::byte> bytes) override {
    check(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
  }

  std::vector<std::byte> finish() override {
    std::vector<std::byte> value(EVP_MAX_MD_SIZE);
    unsigned size = 0;
    check(EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(value.data()),
                             &size) == 1);
    value.resize(size);
    return value;
  }

 private:
  void check(bool ok) const {
    if (!ok) throw Error(ErrorKind::kFailed, name_, "digest failed", "OpenSSL refuses it");
  }

  std::string name_;
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_{EVP_MD_CTX_new(),
                                                                   &EVP_MD_CTX_free};
};

class Crc32cHasher final : public Hasher {
 public:
  void update(std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      const auto piece = bytes.first(std::min(bytes.size(), kMostPerCall));
      // ISA-L does not write to its input, but its header leaves the const out.
      // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast)
      auto* data = const_cast<std::byte*>(piece.data());
      crc_ =
          crc32_iscsi(reinterpret_cast<unsigned char*>(data), static_cast<int>(piece.size()), crc_);
      bytes = bytes.subspan(piece.size());
    }
  }
  std::vector<std::byte> finish() override { return big_endian(~crc_, sizeof crc_); }

 private:
  static constexpr std::size_t kMostPerCall = std::numeric_limits<int>::max();
  std::uint32_t crc_ = ~0U;
};

class Crc64NvmeHasher final : public Hasher {
 public:
  void update(std::span<const std::byte> bytes) override { crc_ = crc64_nvme(crc_, bytes); }
  std::vector<std::byte> finish() override { return big_endian(crc_, sizeof crc_); }

 private:
  std::uint64_t crc_ = 0;
};

}  // namespace

std::unique_ptr<Hasher> make_hasher(DigestAlgorithm algorithm) {
  switch (algorithm) {
    case DigestAlgorithm::kSha256:
      return std::make_unique<OpensslHasher>("SHA-256", EVP_sha256());
    case DigestAlgorithm::kSha512:
      return std::make_unique<OpensslHasher>("SHA-512", EVP_sha512());
    case DigestAlgorithm::kBlake2b:
      return std::make_unique<OpensslHasher>("BLAKE2b", EVP_blake2b512());
    case DigestAlgorithm::kSha1:
      return std::make_unique<OpensslHasher>("SHA-1", EVP_sha1());
    case DigestAlgorithm::kMd5:
      return std::make_unique<OpensslHasher>("MD5", EVP_md5());
    case DigestAlgorithm::kCrc32c:
      return std::make_unique<Crc32cHasher>();
    case DigestAlgorithm::kCrc64Nvme:
      return std::make_unique<Crc64NvmeHasher>();
  }
  throw Error(ErrorKind::kUsage, "digest", "is not known", "");
}

}  // namespace qcow2stream
