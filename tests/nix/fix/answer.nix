{ base, two }: base + two
