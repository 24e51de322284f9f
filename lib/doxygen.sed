# Doxygen documents one variable of a declaration: "int a = 0, b = 0;  ///< what both are" becomes a declaration for each,
# on the same line. Member-by-member comparison needs no words.
/operator==.*= default;/d
:again
s,^( *)(.*\*/ )?([A-Za-z_][A-Za-z_0-9:<> ]*[A-Za-z_0-9>]) ([a-z_0-9]+( = [^;,()]*)?)\, ([^;]*); *///< (.*)$,\1\2\3 \4; /**< \7 */ \3 \6; ///< \7,
t again
