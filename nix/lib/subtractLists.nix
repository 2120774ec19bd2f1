/**
  The members of `from` that no list of `lists` has, in their order.

  # Type
  subtractLists :: [[a]] -> [a] -> [a]

  # Example
  subtractLists [ [ 1 ] [ 3 ] ] [ 1 2 3 4 ]   # [ 2 4 ]
*/
lists: from:
let
  removed = builtins.concatLists lists;
in
builtins.filter (member: !builtins.elem member removed) from
