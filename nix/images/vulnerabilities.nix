# What is known of vulnerabilities in what the images have: statements of OpenVEX for those that concern nobody here.
[
  {
    package = "ecdsa";
    vulnerability = "CVE-2024-23342";
    description = "python-ecdsa's signatures take a time that tells about the key (Minerva)";
    justification = "vulnerable_code_not_in_execute_path";
    impact =
      "python-jose depends on ecdsa for ES256 and its like. Tokens here are HS256, HS384 or HS512, which other code "
      + "signs and verifies, and no other algorithm can be set: ecdsa is not even loaded.";
  }
]
