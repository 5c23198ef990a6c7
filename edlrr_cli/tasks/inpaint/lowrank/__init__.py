"""The low-rank term R(X) = sum_g c_g sum_i h(sigma_i(P_g X) / tau_g), its matrices and its minimizers."""
